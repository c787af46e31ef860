"""The parts of `services.merge`: what comes over from another home, and how."""
