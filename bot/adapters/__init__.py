"""The world: one foreign thing in each room, none of which knows another."""
