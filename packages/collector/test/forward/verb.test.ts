import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@metricstream/shared/cli/program.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { expect, onTestFinished, test } from 'vitest';
import { collectorSpec } from '../../src/config.ts';
import { adviceOn, forwardVerb } from '../../src/forward/verb.ts';

const KAFKA = 'kafka: {brokers: ["127.0.0.1:9092"]}';
const INFLUXDB = 'influxdb: {url: "http://127.0.0.1:8086", database: metrics}';

async function forward(yaml: string): Promise<{ code: number; said: string; file: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'ms-forward-verb-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'collector.yaml');
  writeFileSync(file, yaml);
  let said = '';
  const io = { out: (text: string) => void (said += text), err: (text: string) => void (said += text) };
  const spec = { name: 'metricstream-collector', version: '0', description: '', verbs: [forwardVerb()] };
  return { code: await runProgram(spec, ['forward', '-c', file], io), said, file };
}

test('without Kafka there is nothing to read from, and that is said with the file and what to add', async () => {
  const { code, said, file } = await forward(`sinks: {${INFLUXDB}}`);
  expect(code).toBe(78);
  expect(said).toBe(
    `${file}: forward does not know where to read from: add sinks.kafka, at least \`brokers: ["kafka.example:9092"]\`\n`,
  );
});

test('without a sink there is nowhere to write to', async () => {
  for (const sinks of [KAFKA, `${KAFKA}, influxdb: {enabled: false, url: "http://127.0.0.1:8086", database: x}`]) {
    const { code, said } = await forward(`sinks: {${sinks}}`);
    expect(code).toBe(78);
    expect(said).toMatch(/where to write to: add sinks\.influxdb .* or `forward: \{jsonl: \{enabled: true\}\}`/);
  }
});

test('an empty file is told both at once', async () => {
  const { code, said } = await forward('');
  expect(code).toBe(78);
  expect(said.trim().split('\n')).toHaveLength(2);
});

function advice(yaml: string): string[] {
  const parsed = parseConfig(yaml, collectorSpec, {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return adviceOn(parsed.config);
}

test('two that write the same points are told of each other', () => {
  expect(advice(`sinks: {${KAFKA}, ${INFLUXDB}}`)).toEqual([expect.stringContaining('sinks.influxdb.from is journal')]);
  expect(advice(`sinks: {${KAFKA}, ${INFLUXDB.replace('}', ', from: kafka}')}}`)).toEqual([]);
});

test('JSON does not carry what the schema telegraf needs', () => {
  const kafka = KAFKA.replace('}', ', encoding: json}');
  const influxdb = (schema: string) => INFLUXDB.replace('}', `, from: kafka, schema: ${schema}}`);
  expect(advice(`sinks: {${kafka}, ${influxdb('both')}}`)).toEqual([
    expect.stringContaining('encoding json does not say'),
  ]);
  expect(advice(`sinks: {${kafka}, ${influxdb('seed')}}`)).toEqual([]);
});
