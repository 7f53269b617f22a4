"""What arguments may be, and what follows from sizes alone: no C, no operator."""
