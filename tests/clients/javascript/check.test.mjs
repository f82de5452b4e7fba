// The AWS SDK for JavaScript v3.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import {
  BedrockClient,
  CreateGuardrailCommand,
  ListFoundationModelsCommand,
  ResourceNotFoundException as NoSuchGuardrail,
  GetGuardrailCommand,
} from "@aws-sdk/client-bedrock";
import { BedrockAgentRuntimeClient, RerankCommand } from "@aws-sdk/client-bedrock-agent-runtime";
import {
  ApplyGuardrailCommand,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  ThrottlingException,
  ValidationException,
} from "@aws-sdk/client-bedrock-runtime";
import { CostExplorerClient, GetCostAndUsageCommand } from "@aws-sdk/client-cost-explorer";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const NOVA = "us.amazon.nova-pro-v1:0";
const options = { region: "us-east-1", maxAttempts: 1 };
const runtime = new BedrockRuntimeClient(options);
const control = new BedrockClient(options);
const s3 = new S3Client(options);
const hello = [{ role: "user", content: [{ text: "Hello!" }] }];
const weather = {
  toolSpec: {
    name: "weather",
    description: "Weather",
    inputSchema: { json: { type: "object", properties: { city: { type: "string" } } } },
  },
};

async function script(members) {
  const url = `${process.env.AWS_ENDPOINT_URL}/_localaws/script`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(members) });
  assert.equal(answer.status, 200, await answer.text());
}

test("the quickstart prints an answer", () => {
  const path = new URL("quickstart.mjs", import.meta.url).pathname;
  assert.match(execFileSync(process.execPath, [path], { encoding: "utf8" }), /local model/);
});

test("a tool is called and its result answered", async () => {
  await script({ tool_use: { name: "weather", input: { city: "Vienna" } } });
  const toolConfig = { tools: [weather], toolChoice: { any: {} } };
  const first = await runtime.send(
    new ConverseCommand({ modelId: NOVA, messages: hello, toolConfig }),
  );
  assert.equal(first.stopReason, "tool_use");
  const { toolUse } = first.output.message.content[0];
  assert.deepEqual(toolUse.input, { city: "Vienna" });
  const toolResult = { toolUseId: toolUse.toolUseId, content: [{ json: { celsius: 21 } }] };
  await script({ text: "It is 21 degrees." });
  const second = await runtime.send(
    new ConverseCommand({
      modelId: NOVA,
      messages: [...hello, first.output.message, { role: "user", content: [{ toolResult }] }],
      toolConfig: { tools: [weather] },
    }),
  );
  assert.equal(second.output.message.content[0].text, "It is 21 degrees.");
});

test("a stream brings text, a tool call and usage", async () => {
  await script({ text: "Let me see.", tool_use: { name: "weather", input: { city: "Vienna" } } });
  const answer = await runtime.send(
    new ConverseStreamCommand({
      modelId: NOVA,
      messages: hello,
      toolConfig: { tools: [weather] },
    }),
  );
  let [text, argument, usage] = ["", "", null];
  for await (const event of answer.stream) {
    text += event.contentBlockDelta?.delta?.text ?? "";
    argument += event.contentBlockDelta?.delta?.toolUse?.input ?? "";
    usage = event.metadata?.usage ?? usage;
  }
  assert.equal(text, "Let me see.");
  assert.deepEqual(JSON.parse(argument), { city: "Vienna" });
  assert.ok(usage.totalTokens > 0);
});

test("errors have their classes before a stream and inside it", async () => {
  const bad = new ConverseCommand({ modelId: "no.such-model", messages: hello });
  await assert.rejects(runtime.send(bad), ValidationException);
  await script({ error: { code: "ThrottlingException" } });
  const good = new ConverseCommand({ modelId: NOVA, messages: hello });
  await assert.rejects(runtime.send(good), ThrottlingException);
  await script({ text: "one two", stream_error: { after: 1 } });
  const answer = await runtime.send(
    new ConverseStreamCommand({ modelId: NOVA, messages: hello }),
  );
  await assert.rejects(async () => {
    for await (const event of answer.stream) assert.ok(event);
  }, ThrottlingException);
  const none = new GetGuardrailCommand({ guardrailIdentifier: "nosuchguardrail" });
  await assert.rejects(control.send(none), NoSuchGuardrail);
});

test("a guardrail is made and checks text", async () => {
  const made = await control.send(
    new CreateGuardrailCommand({
      name: "javascript",
      blockedInputMessaging: "No.",
      blockedOutputsMessaging: "No.",
      wordPolicyConfig: { wordsConfig: [{ text: "bluebird" }] },
    }),
  );
  assert.ok(made.createdAt instanceof Date);
  const checked = await runtime.send(
    new ApplyGuardrailCommand({
      guardrailIdentifier: made.guardrailId,
      guardrailVersion: "DRAFT",
      source: "INPUT",
      content: [{ text: { text: "Project Bluebird" } }],
    }),
  );
  assert.equal(checked.action, "GUARDRAIL_INTERVENED");
  const models = await control.send(new ListFoundationModelsCommand({ byProvider: "Amazon" }));
  assert.ok(models.modelSummaries.length > 3);
});

test("text is embedded and documents reranked", async () => {
  const answer = await runtime.send(
    new InvokeModelCommand({
      modelId: "amazon.titan-embed-text-v2:0",
      body: JSON.stringify({ inputText: "a hotel", dimensions: 256 }),
    }),
  );
  assert.equal(JSON.parse(answer.body.transformToString()).embedding.length, 256);
  const source = (text) => ({
    type: "INLINE",
    inlineDocumentSource: { type: "TEXT", textDocument: { text } },
  });
  const modelArn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0";
  const ranked = await new BedrockAgentRuntimeClient(options).send(
    new RerankCommand({
      queries: [{ type: "TEXT", textQuery: { text: "hotel limit" } }],
      sources: [source("Laptops last four years."), source("A hotel costs at most GBP 190.")],
      rerankingConfiguration: {
        type: "BEDROCK_RERANKING_MODEL",
        bedrockRerankingConfiguration: { modelConfiguration: { modelArn } },
      },
    }),
  );
  assert.equal(ranked.results[0].index, 1);
});

test("objects are kept, listed, presigned and missed", async () => {
  const Bucket = "from-javascript";
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "a b/ü.txt", Body: "hello" }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "a b/ü.txt" }));
  assert.equal(await got.Body.transformToString(), "hello");
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "a b/" }));
  assert.deepEqual(listed.Contents.map((found) => found.Key), ["a b/ü.txt"]);
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "a b/ü.txt" }));
  assert.equal(await (await fetch(link)).text(), "hello");
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "none" })), NoSuchKey);
  await assert.rejects(s3.send(new HeadObjectCommand({ Bucket, Key: "none" })), NotFound);
});

test("a stream of unknown length is uploaded in signed chunks", async () => {
  const Bucket = "from-javascript-chunks";
  await s3.send(new CreateBucketCommand({ Bucket }));
  const { Readable } = await import("node:stream");
  const Body = Readable.from([Buffer.from("one "), Buffer.from("two")]);
  await s3.send(new PutObjectCommand({ Bucket, Key: "chunked", Body, ContentLength: 7 }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "chunked" }));
  assert.equal(await got.Body.transformToString(), "one two");
  assert.equal(got.ContentEncoding || undefined, undefined);
});

test("costs are told by the day", async () => {
  const day = (ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
  const told = await new CostExplorerClient(options).send(
    new GetCostAndUsageCommand({
      TimePeriod: { Start: day(-1), End: day(1) },
      Granularity: "DAILY",
      Metrics: ["UnblendedCost"],
    }),
  );
  assert.equal(told.ResultsByTime.length, 2);
});

test("the caller is known", async () => {
  const sts = new STSClient(options);
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, "123456789012");
});
