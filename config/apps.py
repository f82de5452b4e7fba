from django.apps import AppConfig


class ProductConfig(AppConfig):
    name = "config"
    label = "config"
