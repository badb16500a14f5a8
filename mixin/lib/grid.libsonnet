// Puts panels into rows: from left to right, and on a new line where one does not fit. Ids follow from the place, so
// that a change in one row leaves those of the others as they are.
local columns = 24;

local line(state, panel) =
  local fits = state.x + panel.w <= columns;
  local x = if fits then state.x else 0;
  local y = if fits then state.y else state.y + state.h;
  {
    x: x + panel.w,
    y: y,
    h: if fits then std.max(state.h, panel.h) else panel.h,
    panels: state.panels + [panel { gridPos: { x: x, y: y, w: panel.w, h: panel.h } }],
  };

local numbered(panels, first) = std.mapWithIndex(function(i, panel) panel { id: first + i }, panels);

local block(state, row) =
  local head = row.row { gridPos: { x: 0, y: state.y, w: columns, h: 1 } };
  local body = std.foldl(line, row.panels, { x: 0, y: state.y + 1, h: 0, panels: [] });
  {
    y: body.y + body.h,
    first: state.first + 100,
    panels: state.panels + numbered([head] + body.panels, state.first),
  };

{
  // Rows: [{ row: panel.row(..), panels: [..] }, ..].
  layout(rows):: std.foldl(block, rows, { y: 0, first: 100, panels: [] }).panels,
}
