using System.Globalization;

namespace RuntimeGuard.Models;

/// <summary>Appends to a borrowed buffer; what does not fit is dropped and <see cref="Overflowed"/> says so.</summary>
ref struct ByteWriter(Span<byte> buffer)
{
    readonly Span<byte> _buffer = buffer;

    public int Length { get; set; }

    public bool Overflowed { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer[..Length];

    public void Add(byte value)
    {
        if (Length < _buffer.Length)
            _buffer[Length++] = value;
        else
            Overflowed = true;
    }

    public void Add(scoped ReadOnlySpan<byte> bytes)
    {
        var room = _buffer.Length - Length;
        if (bytes.Length > room)
        {
            bytes = bytes[..room];
            Overflowed = true;
        }
        bytes.CopyTo(_buffer[Length..]);
        Length += bytes.Length;
    }

    public void AddNumber(uint value)
    {
        Span<byte> digits = stackalloc byte[10];
        value.TryFormat(digits, out var written, default, CultureInfo.InvariantCulture);
        Add(digits[..written]);
    }

    /// <summary>A file mode as people write it: at least four octal digits.</summary>
    public void AddMode(uint mode)
    {
        for (var shift = 9; shift >= 0; shift -= 3)
            Add((byte)('0' + ((mode >> shift) & 7)));
    }
}
