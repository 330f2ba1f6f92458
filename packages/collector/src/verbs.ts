/**
 * Every verb of the collector but `run`. Owns which there are and what `check --connect` looks at. They bring the clients
 * of Kafka and InfluxDB along, so `run`, which has those in its sinks' threads, does not load this file.
 */
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import type { Verb } from '@metricstream/shared/cli/program.ts';
import { checkVerb, configVerb } from '@metricstream/shared/cli/verbs.ts';
import { type CollectorConfig, collectorSpec } from './config.ts';
import { forwardVerb } from './forward/verb.ts';
import { frontDoorLines } from './front-door/check.ts';
import { backfillVerb, verifyVerb } from './migrate/verbs.ts';
import { checkInfluxdb } from './setup/influxdb-check.ts';
import { setupInfluxdbVerb } from './setup/influxdb.ts';
import { checkKafka, setupKafkaVerb } from './setup/kafka.ts';
import { createInfluxdbClient } from './sinks/influxdb/client.ts';
import { tokenVerb } from './tokens/verbs.ts';

async function checkServers(config: CollectorConfig): Promise<CheckLine[]> {
  const { kafka, influxdb } = config.sinks;
  const lines = frontDoorLines(config);
  if (kafka !== undefined) lines.push(...(await checkKafka(kafka, config.limits.decompressedBytesMax)));
  if (influxdb === undefined) return lines;
  const client = createInfluxdbClient(influxdb);
  try {
    return [...lines, ...(await checkInfluxdb(influxdb, client))];
  } finally {
    client.close();
  }
}

function setupVerb(): Verb {
  return {
    name: 'setup',
    summary: 'Make what the sinks write to: topics, databases, buckets, means per minute',
    examples: ['setup kafka -c collector.yaml --dry-run'],
    verbs: [setupKafkaVerb(), setupInfluxdbVerb()],
  };
}

/** @returns them in the order that help shows. */
export function otherVerbs(): Verb[] {
  return [
    checkVerb(collectorSpec, checkServers),
    configVerb(collectorSpec),
    setupVerb(),
    tokenVerb(),
    forwardVerb(),
    verifyVerb(),
    backfillVerb(),
  ];
}
