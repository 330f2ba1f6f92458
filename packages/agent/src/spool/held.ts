/** How much of each epoch the spool still owes the collector: records and points, unacked ones and those being sent. */

export interface Held {
  add(epoch: number, points: number): void;
  remove(epoch: number, points: number): void;
  /** The epoch has only this much; @returns the points that are missing. */
  correct(epoch: number, found: { records: number; points: number }): number;
  has(epoch: number): boolean;
  points(): number;
  records(): number;
  entries(): [epoch: number, points: number][];
}

export function createHeld(): Held {
  const epochs = new Map<number, { records: number; points: number }>();
  const sum = (field: 'records' | 'points'): number => {
    let total = 0;
    for (const epoch of epochs.values()) total += epoch[field];
    return total;
  };
  return {
    add(epoch, points) {
      const held = epochs.get(epoch);
      if (held) {
        held.records++;
        held.points += points;
      } else epochs.set(epoch, { records: 1, points });
    },
    remove(epoch, points) {
      const held = epochs.get(epoch);
      if (!held) return;
      held.records--;
      held.points -= points;
      if (held.records <= 0) epochs.delete(epoch);
    },
    correct(epoch, found) {
      const missing = (epochs.get(epoch)?.points ?? 0) - found.points;
      if (found.records > 0) epochs.set(epoch, { ...found });
      else epochs.delete(epoch);
      return missing;
    },
    has: (epoch) => epochs.has(epoch),
    points: () => sum('points'),
    records: () => sum('records'),
    entries: () => [...epochs].map(([epoch, { points }]) => [epoch, points]),
  };
}
