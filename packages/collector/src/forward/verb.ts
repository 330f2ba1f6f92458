/**
 * The verb `forward`: reads the topic and writes it to InfluxDB, JSONL files, or both, until a signal. Owns what a
 * configuration must have for that, and says what to add where it has not.
 */
import type { Verb } from '@metricstream/shared/cli/program.ts';
import { configOption, runUntilSignal } from '@metricstream/shared/cli/verbs.ts';
import { faultLine } from '@metricstream/shared/config/fault.ts';
import { loadConfig } from '@metricstream/shared/config/load.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { createLog } from '@metricstream/shared/log.ts';
import { type CollectorConfig, collectorSpec } from '../config.ts';
import { createForwarder } from './forwarder.ts';

export function forwardVerb(): Verb<{ config: string }> {
  return {
    name: 'forward',
    summary: 'Read the Kafka topic and write it to InfluxDB, JSONL files, or both, until SIGTERM or Ctrl-C',
    examples: [`forward -c ${collectorSpec.defaultPath}`],
    define: (command) => void configOption(command, collectorSpec),
    run({ config: path }) {
      const { config, warnings } = loadConfig(path, collectorSpec);
      assertForwardable(path, config);
      const log = createLog({ component: 'forward', ...config.log });
      for (const warning of warnings) log.warn(faultLine(path, warning));
      for (const advice of adviceOn(config)) log.warn(advice);
      return runUntilSignal(createForwarder(config, log), log);
    },
  };
}

/** @throws MetricStreamError `config_invalid` that names the file and what to add. */
export function assertForwardable(path: string, { sinks, forward }: CollectorConfig): void {
  const missing: string[] = [];
  if (sinks.kafka === undefined)
    missing.push('where to read from: add sinks.kafka, at least `brokers: ["kafka.example:9092"]`');
  if (sinks.influxdb === undefined && !forward.jsonl.enabled)
    missing.push(
      'where to write to: add sinks.influxdb (`url`, and `database` or `org` and `bucket`), or `forward: {jsonl: {enabled: true}}`',
    );
  if (missing.length === 0) return;
  const lines = missing.map((what) => `${path}: forward does not know ${what}`);
  throw new MetricStreamError('config_invalid', lines.join('\n'));
}

/** What is not wrong, and perhaps not meant. */
export function adviceOn({ sinks }: CollectorConfig): string[] {
  const advice: string[] = [];
  if (sinks.influxdb?.from === 'journal')
    advice.push(
      'sinks.influxdb.from is journal: `run` writes the same points too, which is harmless and twice the work; with `from: kafka` only forwarders write',
    );
  if (sinks.kafka?.encoding === 'json' && sinks.influxdb !== undefined && sinks.influxdb.schema !== 'seed')
    advice.push(
      `sinks.kafka.encoding json does not say which values are whole numbers: with sinks.influxdb.schema ${sinks.influxdb.schema} all are written as floats, and where InfluxDB has integers they are dead letters; use encoding batch`,
    );
  return advice;
}
