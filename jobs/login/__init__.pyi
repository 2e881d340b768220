from .session import login_session, send_headers, send_login

__all__ = [
    "login_session",
    "send_headers",
    "send_login",
]
