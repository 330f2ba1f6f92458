/** Whatever sizes the configuration allows, the limits that follow from them do not contradict each other. */
import { assertWireLimits } from '@metricstream/proto/limits.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { expect, test } from 'vitest';
import { collectorSpec } from '../../src/config.ts';
import { evictAfterSeconds, ingestSettings } from '../../src/ingest/settings.ts';
import { commonParts } from './common-parts.ts';
import { createRing } from '../../src/rings/ring-layout.ts';

test.each(['1KiB', '8KiB', '64KiB', '1MiB', '16MiB'])(
  'limits.decompressed: %s gives limits that fit each other',
  (size) => {
    for (const more of ['', 'series_per_batch: 1', 'series_per_batch: 1000000']) {
      const text = `{journal: {ring: 128MiB}, limits: {decompressed: ${size}, body: 1KiB, ${more}}}`;
      const parsed = parseConfig(text, collectorSpec, {});
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
      const settings = ingestSettings(parsed.config, commonParts());
      expect(() => assertWireLimits(settings.wire), more).not.toThrow();
      expect(() => createRing(settings.ringBytes, settings.frameBytesMax)).not.toThrow();
    }
  },
);

test.each([
  ['30s', 120],
  ['10m', 660],
])('with a body_timeout of %s a client keeps its slot for %i s, longer than any request takes', (timeout, seconds) => {
  const parsed = parseConfig(`{limits: {body_timeout: ${timeout}}}`, collectorSpec, {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  expect(evictAfterSeconds(parsed.config.limits)).toBe(seconds);
});
