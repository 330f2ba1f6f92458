/**
 * The sinks that a forwarder can feed, opened. Owns what each needs beside itself: InfluxDB nothing, since a point that comes
 * again is the same point; JSONL a directory of its own, locked, and the state that its files are cut back to.
 */
import { mkdirSync } from 'node:fs';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { lockDirectory } from '@metricstream/shared/journal/lock.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { Committed, Sink } from '@metricstream/shared/pump/types.ts';
import type { CollectorConfig } from '../config.ts';
import type { JsonlFiles } from '../config/types.ts';
import type { Figure } from '../sinks/figures.ts';
import { createInfluxdbSink } from '../sinks/influxdb/influxdb-sink.ts';
import { createRollup } from '../sinks/influxdb/rollup.ts';
import { createJsonlSink } from '../sinks/jsonl/jsonl-sink.ts';
import { loadJsonlState, saveJsonlState } from './jsonl-state.ts';

export interface OpenSink {
  sink: Sink;
  /** What this kind of sink counts for itself. */
  figures(): readonly Figure[];
  /** Makes durable what must be before offsets move. */
  beforeCommit?(done: Committed): void;
  /** Gives back what it holds; after its pump has closed the sink itself. */
  release(): void;
  /** Where it goes, for the log. */
  where: Readonly<Record<string, string>>;
}

/** @returns what opens each sink of the configuration, by its name. */
export function sinksToOpen(config: CollectorConfig, log: Log): Map<string, () => Promise<OpenSink>> {
  const { influxdb } = config.sinks;
  const { jsonl } = config.forward;
  const { clientsMax } = config.limits;
  const sinks = new Map<string, () => Promise<OpenSink>>();
  if (influxdb !== undefined)
    sinks.set('influxdb', async () => {
      const rollup = (client: Parameters<typeof createRollup>[1]) => createRollup(influxdb, client);
      const made = await createInfluxdbSink({ settings: influxdb, clientsMax, rollup, log });
      return { ...made, release() {}, where: { url: influxdb.url } };
    });
  if (jsonl.enabled) sinks.set('jsonl', () => openJsonl(jsonl, clientsMax, log));
  return sinks;
}

/** @throws MetricStreamError `directory_locked` when another forwarder writes there. */
export async function openJsonl(files: JsonlFiles, clientsMax: number, log: Log): Promise<OpenSink> {
  const { dir, rotateBytes, keepMs } = files;
  const lock = lockFiles(dir);
  try {
    const state = await loadJsonlState(dir);
    const sink = await createJsonlSink({ dir, rotateBytes, keepMs, clientsMax, state });
    const { bytesCut, filesSetAside, filesDamaged } = sink.stats;
    if (bytesCut > 0) log.warn('jsonl: what was not whole was cut off, it comes again', { dir, bytes: bytesCut });
    if (filesSetAside > 0)
      log.error('jsonl: files that no state explains were set aside', { dir, files: filesSetAside });
    if (filesDamaged > 0) log.error('jsonl: lines that were stored are gone; beginning a new file', { dir });
    return {
      sink,
      figures: () => [],
      beforeCommit({ state: written }) {
        if (written !== undefined) saveJsonlState(dir, written);
      },
      release: () => lock.release(),
      where: { dir },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockFiles(dir: string): { release(): void } {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    return lockDirectory(dir);
  } catch (cause) {
    const locked = cause instanceof MetricStreamError && cause.code === 'directory_locked';
    throw new MetricStreamError(
      locked ? 'directory_locked' : 'directory_unusable',
      locked
        ? `${dir} is in use by another forwarder: each needs a directory of its own; give this one another forward.jsonl.dir`
        : `forward.jsonl.dir ${dir} cannot be used: create it, or choose another`,
      { cause },
    );
  }
}
