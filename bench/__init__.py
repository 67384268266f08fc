"""What a message costs: plays both sides of the gateway and reads the kernel's accounting of its process.

``python -m bench`` runs everything and prints the table of docs/performance.md.
"""
