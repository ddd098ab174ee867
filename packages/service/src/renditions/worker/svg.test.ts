import { describe, expect, it } from 'vitest';
import { svgDanger } from './svg.ts';

const danger = (body: string, prolog = '') =>
  svgDanger(Buffer.from(`${prolog}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">${body}</svg>`));

describe('an SVG', () => {
  it.each([
    ['shapes', '<rect width="3" height="3" fill="url(#g)"/>'],
    ['references to its own parts', '<use xlink:href="#a"/><use href = \'#b\'/>'],
    ['pictures that it carries', '<image href="data:image/png;base64,iVBORw0KGgo="/>'],
    ['links for the reader', '<a xlink:href="https://example.org/"><text>x</text></a>'],
    ['an empty reference', '<image href=""/>'],
  ])('may hold %s', (_, body) => expect(danger(body)).toBeUndefined());

  it.each([
    ['an outside picture', '<image href="https://example.org/a.png"/>', 'href'],
    ['a file', '<image xlink:href="file:///etc/passwd"/>', 'href'],
    ['a relative file', '<image href="../secret.png"/>', 'href'],
    ['a file under an entity of its characters', '<image href="&#102;ile:///etc/passwd"/>', 'href'],
    ['an included document', '<xi:include href="other.svg"/>', 'href'],
    ['an SVG inside of it, which could refer again', '<image href="data:image/svg+xml;base64,PHN2Zz4="/>', 'href'],
    ['a style that refers outside', '<rect style="fill: url( \'http://example.org/#g\')"/>', 'url()'],
    ['a style that imports', '<style>@import "a.css";</style>', 'imports'],
    ['a link that hides a picture', `<a ${'x="y" '.repeat(800)} href="https://example.org/"/>`, 'href'],
  ])('may not hold %s', (_, body, reason) => expect(danger(body)).toContain(reason));

  it.each([
    ['a DOCTYPE', '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>', 'DOCTYPE'],
    ['a linked style sheet', '<?xml-stylesheet href="a.css"?>', 'style sheet'],
    ['an encoding that hides words', '<?xml version="1.0" encoding="UTF-7"?>', 'UTF-7'],
  ])('may not begin with %s', (_, prolog, reason) => expect(danger('', prolog)).toContain(reason));

  it('may not be written in two bytes a character, where no word would be found', () => {
    expect(svgDanger(Buffer.from('\ufeff<!DOCTYPE svg><svg/>', 'utf16le'))).toContain('UTF-8');
  });

  it('is checked in time that grows with its length, not with its square', () => {
    const started = process.cpuUsage();
    danger(`<a ${'href="x" '.repeat(200_000)}/>`);
    danger('<'.repeat(500_000));
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(2_000);
  });
});
