import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const runtime = new BedrockRuntimeClient({ region: "us-east-1" });
const answer = await runtime.send(
  new ConverseStreamCommand({
    modelId: "us.amazon.nova-pro-v1:0",
    messages: [{ role: "user", content: [{ text: "Hello!" }] }],
  }),
);
for await (const event of answer.stream) {
  process.stdout.write(event.contentBlockDelta?.delta?.text ?? "");
}
