"""The kinds of relay board that lifeguard brings, one module each."""
