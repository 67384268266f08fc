"""What administrators see of the edge."""
