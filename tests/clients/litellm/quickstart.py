import litellm

answer = litellm.completion(
    model="bedrock/converse/us.amazon.nova-pro-v1:0",
    messages=[{"role": "user", "content": "Hello!"}],
    stream=True,
)
for chunk in answer:
    print(chunk.choices[0].delta.content or "", end="")
