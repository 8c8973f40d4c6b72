#!/usr/bin/env python3
"""Fills in the numbers of run cases with NumPy, independently of the compiler.

    python3 tests/cases/expected.py tests/cases/*/*.lep

In a run whose header has `// numpy: …` lines, these are executed in order on the run's sizes and inputs (float64, or int64 for integers), and
each `// out: y = …` gets the value of y. `// in: x = ? expression` is replaced by the expression's value once. Other files stay as they are.
"""
import re
import sys

import numpy as np


def parse(text):
    text = text.replace('true', 'True').replace('false', 'False')
    value = np.array(eval(text, {'inf': np.inf, 'nan': np.nan}))
    return value.astype(float) if value.size == 0 else value


def philox(seed, *index):
    """The first two words of Philox 4x32-10 (Salmon et al. 2011); one or two indices fill the counter as 64-bit numbers."""
    low = 0xFFFFFFFF
    index = list(index) + [0] * (2 - len(index))
    if len(index) <= 2:
        c = [index[0] & low, index[0] >> 32 & low, index[1] & low, index[1] >> 32 & low]
    else:
        c = [i & low for i in index + [0] * (4 - len(index))]
    k = [seed & low, seed >> 32 & low]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & low, a >> 32 ^ c[3] ^ k[1], a & low]
        k = [k[0] + 0x9E3779B9 & low, k[1] + 0xBB67AE85 & low]
    return c[0], c[1]


def show(value):
    value = np.asarray(value)
    if value.ndim:
        return '[' + ', '.join(show(v) for v in value) + ']'
    v = value.item()
    if isinstance(v, bool):
        return 'true' if v else 'false'
    if isinstance(v, int):
        return str(v)
    return '0' if v == 0 else repr(int(v)) if np.isfinite(v) and v == int(v) and abs(v) < 1e9 else f'{v:.10g}'


def fill(path):
    lines = open(path, encoding='utf-8').read().split('\n')
    rng = np.random.default_rng(7)
    env, out, done = {}, False, []
    for i, line in enumerate(lines):
        match = re.match(r'^// ?([a-z]+): (.*)$', line)
        if not line.startswith('//') or line == '// case: run':
            if not line.startswith('//'):
                break
            continue
        assert not line.startswith('//   '), f'{path}:{i + 1}: a value must be one line here'
        if not match:
            continue
        key, text = match.groups()
        if key == 'entry' or (key in ('dim', 'in') and out):
            env, out = {}, False
        name, _, value = (p.strip() for p in text.partition('='))
        scope = {'np': np, 'rng': rng, 'philox': philox, 'erf': np.vectorize(__import__('math').erf), **env}
        if key == 'dim':
            env.update({k.strip(): int(v) for k, v in (p.split('=') for p in text.split(','))})
        elif key == 'in':
            if value.startswith('?'):
                lines[i] = f'// in: {name} = {show(eval(value[1:].strip(), scope))}'
                value = lines[i].partition('=')[2].strip()
            if re.match(r'[\[\d.-]|inf|nan|true|false', value):
                env[name] = parse(value)
        elif key == 'numpy':
            exec(text, scope)
            env.update({k: v for k, v in scope.items() if k not in ('np', 'rng', 'erf', 'philox', '__builtins__')})
            env[''] = True
        elif key == 'out':
            out = True
            if '' in env and value != 'same':
                lines[i] = f'// out: {name} = {show(env[name])}'
        elif key == 'fails':
            out = True
    open(path, 'w', encoding='utf-8').write('\n'.join(lines))


np.seterr(all='ignore')
for case in sys.argv[1:]:
    fill(case)
