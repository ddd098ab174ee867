/** Of an answer: a place in the history of the installation, 24 hexadecimal digits of which the greater is the later. */
export const POSITION_HEADER = 'safelight-position';

export const CONSISTENCIES = ['session', 'strong'] as const;
/** How new an answer has to be. */
export type Consistency = (typeof CONSISTENCIES)[number];
