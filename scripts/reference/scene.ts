/**
 * The landscape of the reference's example pictures, drawn by hand as a program: light and dark, straight and soft
 * edges, and details that are not in the middle, so that a crop, a turn or a tone is seen at a glance. CC0 1.0.
 */
export const SCENE = { width: 960, height: 640 } as const;

const SKY = [
  ['0', '#1d2b53'],
  ['0.38', '#5b5f97'],
  ['0.62', '#e58c6a'],
  ['0.8', '#ffd59a'],
] as const;

/** As SVG. The sun stands at `sun` of the width from the left. */
export function sceneSvg(sun = 0.7): string {
  const at = Math.round(sun * SCENE.width);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SCENE.width} ${SCENE.height}">`,
    `<defs>${gradient('sky', SKY)}${gradient(
      'lake',
      [...SKY].reverse().map(([, colour], step) => [`${step / 3}`, colour]),
    )}`,
    '<radialGradient id="glow"><stop offset="0" stop-color="#fff6d5"/><stop offset="0.25" stop-color="#ffe3a0" stop-opacity="0.8"/><stop offset="1" stop-color="#ffb070" stop-opacity="0"/></radialGradient></defs>',
    '<rect width="960" height="640" fill="url(#sky)"/>',
    stars(),
    `<circle cx="${at}" cy="236" r="210" fill="url(#glow)"/><circle cx="${at}" cy="236" r="52" fill="#fff3c4"/>`,
    '<path d="M0 400 L110 262 L190 330 L330 170 L452 318 L540 262 L640 352 L742 286 L880 380 L960 330 V470 H0 Z" fill="#4a4a7c"/>',
    '<path d="M330 170 L292 213 L318 232 L334 214 L350 238 L372 221 Z M110 262 L84 294 L108 304 L128 284 Z M742 286 L716 306 L744 318 L768 303 Z" fill="#f3ecff"/>',
    '<path d="M0 440 Q140 372 300 420 T620 410 T960 396 V480 H0 Z" fill="#37415f"/>',
    '<rect y="452" width="960" height="188" fill="url(#lake)"/>',
    ripples(at),
    '<path d="M0 452 H430 Q340 520 180 540 Q80 556 0 610 Z" fill="#26433a"/><path d="M960 452 H700 Q800 530 960 560 Z" fill="#2c4a3c"/>',
    '<path d="M0 560 Q220 530 470 640 H0 Z" fill="#17332b"/>',
    trees(),
    cabin(),
    '</svg>',
  ].join('\n');
}

function gradient(id: string, stops: readonly (readonly [string, string])[]): string {
  const all = stops.map(([offset, colour]) => `<stop offset="${offset}" stop-color="${colour}"/>`).join('');
  return `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${all}</linearGradient>`;
}

function stars(): string {
  return Array.from({ length: 60 }, (_, star) => {
    const [x, y] = [(star * 379) % 960, (star * 83) % 190];
    return `<circle cx="${x}" cy="${y}" r="${1 + (star % 3) * 0.7}" fill="#fff" opacity="${0.9 - y / 260}"/>`;
  }).join('');
}

function ripples(sun: number): string {
  return Array.from({ length: 15 }, (_, ripple) => {
    const width = 46 + ((ripple * 53) % 70) + ripple * 6;
    return `<rect x="${sun - width / 2}" y="${460 + ripple * 12}" width="${width}" height="4" rx="2" fill="#fff3c4" opacity="${0.85 - ripple * 0.05}"/>`;
  }).join('');
}

function trees(): string {
  const places = [
    [40, 560, 150],
    [96, 556, 110],
    [330, 556, 96],
    [392, 600, 128],
    [842, 548, 120],
    [908, 566, 170],
  ] as const;
  return places
    .map(([x, foot, height]) => {
      const tiers = [0, 0.26, 0.5].map((from, tier) => {
        const half = height * (0.14 + 0.07 * tier);
        const top = foot - height * (1 - from);
        return `M${x} ${top} L${x + half} ${top + height * 0.42} H${x - half} Z`;
      });
      return `<rect x="${x - 4}" y="${foot - 14}" width="8" height="20" fill="#3b2a22"/><path d="${tiers.join(' ')}" fill="#123026"/>`;
    })
    .join('');
}

/** The one thing that is red, in the left third. */
function cabin(): string {
  return [
    '<rect x="176" y="478" width="112" height="70" fill="#b3302a"/>',
    '<path d="M176 492 H288 M176 506 H288 M176 520 H288 M176 534 H288" stroke="#8d221e" stroke-width="2"/>',
    '<path d="M162 482 L232 424 L302 482 Z" fill="#2d2233"/><rect x="258" y="430" width="14" height="30" fill="#2d2233"/>',
    '<rect x="192" y="496" width="30" height="26" fill="#ffd977"/><path d="M207 496 V522 M192 509 H222" stroke="#5d1a17" stroke-width="3"/>',
    '<rect x="244" y="502" width="26" height="46" fill="#5d1a17"/>',
  ].join('');
}

/** A red lamp in a ring, to be laid over. */
export function lampSvg(): string {
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" width="240" height="240">',
    '<circle cx="60" cy="60" r="56" fill="#14080a" stroke="#fff" stroke-width="6"/>',
    '<path d="M44 76 C26 58 34 26 60 26 C86 26 94 58 76 76 Z" fill="#e5383b"/>',
    '<path d="M46 80 H74 M48 88 H72 M52 96 H68" stroke="#fff" stroke-width="5" stroke-linecap="round"/>',
    '</svg>',
  ].join('\n');
}
