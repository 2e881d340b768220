"""What bench_ingest measures with: a made archive, ours, and what a user would pick instead."""
