import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { available, flinkLibs } from './index.ts';

describe.runIf(await available('flink'))('Flink', () => {
  it('is there with all that a SQL job on Kafka needs', async () => {
    const jars = readdirSync(await flinkLibs());
    expect(jars).toEqual(expect.arrayContaining(['flink-json-2.2.1.jar', 'flink-connector-kafka-5.0.0-2.2.jar']));
  });
});
