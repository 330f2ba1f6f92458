/**
 * What a collector is made of while it runs: each field is set by the step that starts it. Owns the type, and the view of
 * it that the admin pages read.
 */
import type { AdminServer } from '@metricstream/shared/admin-server.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { DecisionsView } from '../admin/decisions.ts';
import type { StatusParts } from '../admin/status.ts';
import type { CollectorConfig } from '../config.ts';
import type { FrontDoor } from '../front-door/front-door.ts';
import type { IngestWorkers } from '../ingest/start.ts';
import type { JournalThread } from '../journal-thread/start.ts';
import type { ChosenSink } from '../sinks/chosen.ts';
import type { SinkThread } from '../sinks/start.ts';
import type { Owned } from './takeover.ts';

export interface Parts {
  owned?: Owned;
  journal?: JournalThread;
  readonly sinks: SinkThread[];
  workers?: IngestWorkers;
  admin?: AdminServer;
  door?: FrontDoor;
  decisions?: DecisionsView;
  phase: 'starting' | 'running' | 'stopping';
}

/** A sink that is switched on; the journal's retention needs its position before its thread can start. */
export type ReadySink = ChosenSink & { position: DurablePosition };

/** What every step has at hand. */
export interface StepContext {
  config: CollectorConfig;
  parts: Parts;
  sinks: readonly ReadySink[];
  clientTable: SharedArrayBuffer;
  /** The journal thread sleeps on it; workers ring it. */
  doorbell: SharedArrayBuffer;
  /** Asked to take over from a collector that runs. */
  takeover: boolean;
  log: Log;
}

/** @returns what the status is read from, live; undefined before there is a journal. */
export function statusParts(parts: Parts): StatusParts | undefined {
  const { journal, sinks } = parts;
  if (!journal) return undefined;
  return {
    journal,
    sinks,
    get ingest() {
      return parts.phase === 'starting' ? undefined : parts.workers;
    },
    get door() {
      return parts.door;
    },
    stopping: () => parts.phase === 'stopping',
  };
}
