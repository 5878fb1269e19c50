"""The static site: store -> records -> templates -> a folder of HTML that opens from file://."""
