/**
 * What the Kafka sink tells of itself: how far it has come, and in what trouble it is, of many pumps as if it were one. Owns
 * when something is news: what no pump shows (a request pending since a broker went away) is so only after a second.
 */
import { type CursorTotals, passedIn } from '@metricstream/shared/journal/cursor.ts';
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { SinkContext } from '../context.ts';
import { sumStats, type Trouble } from './pump-stats.ts';

/** A leader that moves is no news. */
const NEWS_AFTER_MS = 1000;

export interface News {
  /** Notes what is wrong with one of the sink's parts; '' when nothing is any more. */
  note(part: string, why: string): void;
  /** The cursor is on disk with this position. */
  saved(position: number): void;
  /** Says how things stand, and the state if it has changed. */
  tell(): void;
}

export interface NewsOptions {
  context: Pick<SinkContext, 'publish' | 'onState'>;
  pumps: readonly { stats: Readonly<PumpStats> }[];
  totals: CursorTotals;
  /** Points of the journal before the cursor's first position. */
  pointsBefore: number;
  /** The cursor's, as it was found. */
  position: number;
  /** Requests that are pending because they failed. */
  pending(): readonly Trouble[];
}

export function createNews({ context, pumps, totals, pointsBefore, pending, ...options }: NewsOptions): News {
  const noted = new Map<string, Trouble>();
  let { position } = options;
  let told = '';

  function tell(): void {
    const since = Date.now() - NEWS_AFTER_MS;
    const troubles = [...noted.values(), ...pending()].filter(({ sinceUnixMs }) => sinceUnixMs <= since);
    const stats = sumStats(
      pumps.map((pump) => pump.stats),
      troubles,
    );
    context.publish({ totals, position, pointsPassed: pointsBefore + passedIn(totals), stats });
    const { state, why, others } = stats;
    const now = why === '' ? '' : `${state}: ${why}`;
    if (now === told) return;
    told = now;
    context.onState(state, others > 0 && why !== '' ? `${why} (and ${others} more)` : why);
  }

  return {
    note(part, why) {
      if (why === '') noted.delete(part);
      else noted.set(part, { why, sinceUnixMs: noted.get(part)?.sinceUnixMs ?? Date.now() });
    },
    saved(at) {
      position = at;
      tell();
    },
    tell,
  };
}
