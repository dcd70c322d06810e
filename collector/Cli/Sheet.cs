using Spectre.Console;

namespace RuntimeGuard.Cli;

/// <summary>A table for people. Every cell is neutralised here, so no caller can forget to.</summary>
sealed class Sheet
{
    /// <summary>A list is scanned, not read: one hostile 4 KB path must not push the other rows off the screen.</summary>
    const int CellLimit = 240;

    readonly Table _table = new Table().NoBorder().NoSafeBorder();

    /// <param name="columns">Headings; all but the last keep their cells on one line.</param>
    public Sheet(params string[] columns)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            var column = new TableColumn(new Text(columns[i], new Style(decoration: Decoration.Bold))).PadLeft(0).PadRight(2);
            _table.AddColumn(i < columns.Length - 1 ? column.NoWrap() : column);
        }
    }

    public int Rows => _table.Rows.Count;

    public void Add(params string[] cells) => _table.AddRow(cells.Select(cell => new Text(SafeText.Of(cell, CellLimit))));

    public void Show(Terminal terminal) => terminal.Screen.Write(_table);
}
