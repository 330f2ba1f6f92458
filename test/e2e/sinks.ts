/** What tests of running sinks share: a collector under load with its sinks, and waiting for a sink to come through. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { App, CollectorApp, Config } from '../app.ts';
import { queryInflux1 } from '../services/index.ts';

const WAIT_EVERY_MS = 50;

export interface SinkFigures {
  state: string;
  why: string;
  points_stored: number;
  points_dead: number;
  points_dropped: number;
  lag_points: number;
}

/** A directory that goes with the test. */
export function testDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `ms-${name}-`));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Resolves when it holds; the test's own time limit ends a wait in vain. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await delay(WAIT_EVERY_MS);
}

/** What a program says of one of its sinks now. */
export async function sinkOf(app: App, name: string): Promise<SinkFigures> {
  const { sinks } = (await app.status()) as { sinks: Record<string, SinkFigures> };
  const sink = sinks[name];
  if (sink === undefined) throw new Error(`${app.name} has no sink ${name}`);
  return sink;
}

/** Stops a collector whose sinks have stored all there is: a stop gives them no more than seconds, the journal has the rest. */
export async function stopWhenStored(collector: CollectorApp): ReturnType<CollectorApp['stop']> {
  await until(async () => {
    const { sinks } = (await collector.status()) as { sinks: Record<string, SinkFigures> };
    return Object.values(sinks).every(({ lag_points: lag }) => lag === 0);
  });
  return collector.stop();
}

/** A collector whose clients are not limited, with JSONL in `dir/points` and these sinks beside it. */
export function collectorWith(dir: string, sinks: Config): Config {
  return {
    sinks: { jsonl: { dir: join(dir, 'points') }, ...sinks },
    limits: { per_client: { requests: 'unlimited' } },
  };
}

/** @returns how long it took, in ms, until the sink stores again. */
export async function recoveryMs(app: App, name: string): Promise<number> {
  const since = performance.now();
  const { points_stored: before } = await sinkOf(app, name);
  await until(async () => (await sinkOf(app, name)).points_stored > before);
  return performance.now() - since;
}

/** Makes a database as `setup influxdb` does, without means per minute. */
export async function createDatabase({ url, db }: { url: string; db: string }): Promise<void> {
  const policy = (name: string, days: number): string =>
    `CREATE RETENTION POLICY "${name}" ON "${db}" DURATION ${days}d REPLICATION 1`;
  const query = [`CREATE DATABASE "${db}"`, `${policy('7_days', 7)} DEFAULT`, policy('90_days', 90)].join('; ');
  await queryInflux1({ url, query });
}
