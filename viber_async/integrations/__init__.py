"""At home in services and workers: a module for each framework, imported only where that framework is used."""
