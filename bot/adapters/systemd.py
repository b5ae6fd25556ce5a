"""systemd: tells the service manager how a service is (sd_notify(3)); without one it says nothing."""

import os
import socket
from contextlib import suppress


def notify(**state: str) -> None:
    """Send states such as `READY="1"` or `STATUS="…"` to the manager that started this process, if it asked for them."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in state.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.connect("\0" + address[1:] if address.startswith("@") else address)
        manager.sendall(message.encode())
