"""What is refused before anything is made."""
