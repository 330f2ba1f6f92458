import { describe, expect, it } from 'vitest';
import { available, exportVictoriaMetrics, sharedVictoriaMetrics } from './index.ts';

describe.runIf(await available('sharedVictoriaMetrics'))('VictoriaMetrics', () => {
  it('shows every sample at once, also two of one time', async () => {
    const { url } = await sharedVictoriaMetrics();
    const timeMs = Date.now();
    const write = async (value: number) => {
      const body = `services,host=a usage=${value} ${timeMs}000000\n`;
      return (await fetch(`${url}/api/v2/write?precision=ns`, { method: 'POST', body })).status;
    };
    expect([await write(1), await write(2)]).toEqual([204, 204]);
    expect(await exportVictoriaMetrics(url, 'services_usage{host="a"}')).toEqual([
      { metric: { __name__: 'services_usage', host: 'a' }, values: [1, 2], timestamps: [timeMs, timeMs] },
    ]);
  });
});
