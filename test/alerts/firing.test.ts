import { beforeAll, describe, expect, it } from 'vitest';
import { available } from '../services/index.ts';
import { type Firing, replay, type Samples } from './replay.ts';
import { rules } from './rules.ts';
import { beginS, scenarios, scenarioSeconds } from './scenarios.ts';

const nameOf = (index: number): string => `target-${index}:7443`;

/** A scenario's series as series of its own target. */
function targeted(samples: Samples, index: number): Samples {
  const own = `job="metricstream",instance="${nameOf(index)}",host="${nameOf(index)}"`;
  return Object.fromEntries(
    Object.entries(samples).map(([series, values]) => [
      series.replace(/,?\}$/, (end) => (series.endsWith('{}') ? '' : ',') + own + end),
      values,
    ]),
  );
}

describe.runIf(await available('victoriametrics', 'vmalert'))('the alerts', () => {
  let found: Firing[] = [];

  beforeAll(async () => {
    const samples = Object.assign({}, ...scenarios.map((one, index) => targeted(one.samples, index))) as Samples;
    found = await replay(samples, scenarioSeconds);
  }, 60_000);

  it.each(scenarios.map((scenario, index) => ({ ...scenario, index })))(
    'are right about $what',
    ({ index, fires = {} }) => {
      const name = nameOf(index);
      const own = found.filter(({ labels }) => (labels.instance ?? labels.host) === name);
      expect(own.map(({ alert }) => alert).sort()).toEqual(Object.keys(fires).sort());
      for (const { alert, fromS } of own) {
        const [earliestS, latestS] = fires[alert] as [number, number];
        expect(fromS - beginS, alert).toBeGreaterThanOrEqual(earliestS);
        expect(fromS - beginS, alert).toBeLessThanOrEqual(latestS);
      }
    },
  );

  it('have each a scenario in which they fire, and fire for nothing else', () => {
    const fired = new Set(scenarios.flatMap(({ fires = {} }) => Object.keys(fires)));
    expect([...fired].sort()).toEqual(
      rules()
        .map(({ alert }) => alert)
        .sort(),
    );
    const names = scenarios.map((_scenario, index) => nameOf(index));
    expect(found.filter(({ labels }) => !names.includes(labels.instance ?? labels.host ?? ''))).toEqual([]);
  });
});
