/** Which sinks a configuration switches on, and with what. Pure. */
import type { CollectorConfig } from '../config.ts';
import type { SinkChoice } from './messages.ts';

export interface ChosenSink {
  choice: SinkChoice;
  /** A full journal refuses ingest rather than passing over it. */
  required: boolean;
  /** Where it goes, for the log. */
  where: Record<string, string | readonly string[]>;
}

/** @returns the sinks that `run` feeds from its journal. */
export function chosenSinks({ sinks, limits }: CollectorConfig): ChosenSink[] {
  const { jsonl, kafka, influxdb } = sinks;
  const { clientsMax } = limits;
  const chosen: ChosenSink[] = [];
  if (jsonl.enabled) {
    const { dir, rotateBytes, keepMs, required } = jsonl;
    const choice = { kind: 'jsonl', settings: { dir, rotateBytes, keepMs, clientsMax } } as const;
    chosen.push({ choice, required, where: { dir } });
  }
  if (kafka !== undefined) {
    const { required, ...settings } = kafka;
    const where = { brokers: settings.connection.brokers, topic: settings.topic };
    chosen.push({ choice: { kind: 'kafka', settings, clientsMax }, required, where });
  }
  if (influxdb?.from === 'journal') {
    const { required, from: _, ...settings } = influxdb;
    chosen.push({ choice: { kind: 'influxdb', settings, clientsMax }, required, where: { url: settings.url } });
  }
  return chosen;
}
