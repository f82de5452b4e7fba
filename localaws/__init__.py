"""A local AWS on one loopback port: S3, STS and IAM through moto, Bedrock by its own hand.

It is reached over HTTP alone: it imports nothing of the product, nor the product of it.
"""
