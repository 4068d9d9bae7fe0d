"""libvirt's XML from specs and back: pure, both directions. Trees are built with ElementTree only, never from text."""
