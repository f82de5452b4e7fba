from langchain_aws import ChatBedrockConverse

model = ChatBedrockConverse(model="us.amazon.nova-pro-v1:0", region_name="us-east-1")
for chunk in model.stream("Hello!"):
    print(chunk.text, end="")
