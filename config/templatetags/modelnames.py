"""Models as people call them, on pages that have their ids."""

from django import template

from bedrock.names import called, model_names

register = template.Library()
register.simple_tag(model_names)
register.filter(called)
