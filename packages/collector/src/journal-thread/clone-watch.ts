/**
 * Says which client_ids two agents use at once, in the journal thread, which sees every batch with its lane. Owns the
 * words and the figures of that alarm; when it holds is decided in ledger/clones.ts.
 */
import type { Counters } from '@metricstream/shared/counters.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { type CloneAlarm, createClones } from '../ledger/clones.ts';
import type { JournalCounter } from './counters.ts';

const HOUSEKEEP_MS = 1000;
const WHAT_TO_DO =
  'two agents use this client_id (a copied disk image?): stop one, delete the file client_id in its state_dir, or change client_id in its agent.yaml, and start it again';

export interface CloneWatch {
  switched(clientId: string, from: number, to: number): void;
  /** Ends alarms that are over; looks at most once a second. */
  housekeep(): void;
}

export interface CloneWatchOptions {
  counters: Counters<JournalCounter>;
  log: Log;
  tell(alarms: CloneAlarm[]): void;
}

export function watchClones({ counters, log, tell }: CloneWatchOptions): CloneWatch {
  const clones = createClones(Date.now);
  let lookedMs = performance.now();

  function publish(): void {
    counters.set('clientsCloned', clones.count());
    tell(clones.alarms());
  }

  return {
    switched(clientId, from, to) {
      const alarm = clones.switched(clientId, from, to);
      if (alarm === undefined) return;
      const { olderEpoch, newerEpoch } = alarm;
      counters.add('cloneAlarms', 1);
      log.error('client_cloned', { client_id: clientId, epochs: [olderEpoch, newerEpoch], do: WHAT_TO_DO });
      publish();
    },
    housekeep() {
      const nowMs = performance.now();
      if (nowMs - lookedMs < HOUSEKEEP_MS) return;
      lookedMs = nowMs;
      const ended = clones.ended();
      for (const { clientId } of ended) log.info('client_cloned: over, one agent is left', { client_id: clientId });
      if (ended.length > 0 || clones.count() > 0) publish();
    },
  };
}
