"""lifeguard keeps a lab's development boards alive."""
