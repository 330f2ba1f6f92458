/**
 * Fields that the server holds with another type. Owns the memory of them and its bound; promises that a field which is
 * in conflict day in, day out costs one request a delivery: its values are sent apart from the start, where the answer
 * that all were dropped needs no search. A field is forgotten when its values are taken again.
 */
import { SEED_MEASUREMENT, SEED_UNIT, SEED_VALUE } from './identity.ts';
import type { FieldName } from './verdict.ts';

/** Beyond it the one found longest ago is forgotten, and found again if need be. */
const CONFLICTS_MAX = 1024;

export interface Conflicts {
  /** Changes whenever the set does; 0 while it has always been empty. */
  readonly version: number;
  readonly size: number;
  has(measurement: string, field: string): boolean;
  add(name: FieldName): void;
  forget(name: FieldName): void;
}

export function createConflicts(): Conflicts {
  const known = new Set<string>();
  let version = 0;
  const keyOf = (measurement: string, field: string): string => `${measurement}\0${field}`;
  return {
    get version() {
      return version;
    },
    get size() {
      return known.size;
    },
    has: (measurement, field) => known.has(keyOf(measurement, field)),
    add({ measurement, field }) {
      // A seed line is one point, whichever of its two fields is in conflict.
      const whole = measurement === SEED_MEASUREMENT && field === SEED_UNIT;
      const key = keyOf(measurement, whole ? SEED_VALUE : field);
      if (known.has(key)) return;
      known.add(key);
      if (known.size > CONFLICTS_MAX) known.delete(known.values().next().value as string);
      version++;
    },
    forget({ measurement, field }) {
      if (known.delete(keyOf(measurement, field))) version++;
    },
  };
}
