"""From looks to histories: hidden Markov models of berths and roads, with honest uncertainty."""
