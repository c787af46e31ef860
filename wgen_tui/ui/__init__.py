"""The terminal user interface: screens over the services, no logic of its own."""
