"""What touches a socket: live markets, the local venue, and the recorder."""
