"""What findings are drawn: which pictures a study has, and the numbers in each."""
