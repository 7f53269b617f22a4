"""What ``python -m csep`` runs."""
