"""Theme: names of the CSS classes in assets/css/proprium.css, and the script that selects light or dark."""

from __future__ import annotations

# Tailwind is off (68 KB and a compiler in the browser): these are the only classes.
CARD = "card"
HEAD = "hd"  # card head: .t is its title, .s a hint
BODY = "bd"
TABS = "tabs"
ROWS = "rows"
ROW = "row0"  # .b bar, .n name, .c count, .p percent
KPIS = "kpis"
KPI = "kpi"  # .l label, .v value
DELTA = "delta"
CHIP = "chip"
TAG = "tag"
BUTTON = "btn"
PRIMARY = "pri"
DANGER = "bad"
BARE = "bare"
ICON_ONLY = "only"
SKELETON = "skel"
DOT = "dot"
NOTE = "note"
BLANK = "blank"
TABLE = "tbl"
CODE = "code"
FIELD = "field"
INPUT = "input"
SHEET = "sheet"
MUTED = "mut"
SMALL = "small"
LINE = "line"  # children side by side
STACK = "stack"  # children below each other
GRID2 = "grid2"
GRID3 = "grid3"
GRID_MAP = "gridmap"
GRID_SIDE = "gridside"
ON = "on"
TRUNCATED = "cut"  # ends in … instead of wrapping
HIDE_ON_PHONE = "hide-m"
SCROLL_X = "scroll-x"

# Runs in <head>, before the first paint: no flash of the wrong theme. The choice (auto, light, dark) is stored in the
# browser. Python receives changes as the event "theme" (Layout.on_theme_change) and may call `propriumTheme.isDark()`.
THEME_SCRIPT = """
(() => {
  const root = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)');
  let choice = 'auto', isFixed = false;
  try { choice = localStorage.getItem('theme') || 'auto'; } catch {}
  const isDark = () => choice === 'dark' || (choice === 'auto' && system.matches);
  const apply = () => {
    const was = root.dataset.theme, now = isDark() ? 'dark' : 'light';
    root.dataset.theme = now;
    root.dataset.themeChoice = choice;
    window.setDark?.(isDark());
    if (was && was !== now) window.emitEvent?.('theme', {dark: isDark()});
  };
  // An embedded dashboard has the theme of its address, whatever was chosen in this browser.
  const fix = (fixed) => { choice = fixed; isFixed = true; apply(); };
  const choose = (next) => {
    choice = next;
    try { next === 'auto' ? localStorage.removeItem('theme') : localStorage.setItem('theme', next); } catch {}
    apply();
  };
  // The first click always changes what is seen: from automatic to the opposite of what the system has.
  const next = () => {
    const [opposite, same] = system.matches ? ['light', 'dark'] : ['dark', 'light'];
    choose({auto: opposite, [opposite]: same, [same]: 'auto'}[choice] || 'auto');
    window.emitEvent?.('theme-choice', {choice});
  };
  system.addEventListener('change', apply);
  addEventListener('storage', (e) => {
    if (e.key === 'theme' && !isFixed) { choice = e.newValue || 'auto'; apply(); }
  });
  window.propriumTheme = {isDark, choose, next, apply, fix};
  apply();
})();
"""
