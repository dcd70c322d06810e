using System.Globalization;
using System.Text;
using CsCheck;
using RuntimeGuard.Cli;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class SafeTextTests
{
    [Theory]
    [InlineData(null, "")]
    [InlineData("", "")]
    [InlineData("/usr/bin/env", "/usr/bin/env")]
    [InlineData("naïve/каталог/日本", "naïve/каталог/日本")]
    [InlineData("a\nb", "a\\x0ab")]
    [InlineData("a\r\tb", "a\\x0d\\x09b")]
    [InlineData("\u001b[2J\u001b]0;owned\u0007", "\\x1b[2J\\x1b]0;owned\\x07")]
    [InlineData("\u009b31m", "\\x9b31m")]
    [InlineData("\u007f", "\\x7f")]
    [InlineData("gpj.\u202eexe", "gpj.\\u{202e}exe")]
    [InlineData("\u2066x\u2069\u200f\u061c", "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}")]
    [InlineData("in\u200bvisible\ufeff", "in\\u{200b}visible\\u{feff}")]
    [InlineData("line\u2028para\u2029", "line\\u{2028}para\\u{2029}")]
    [InlineData("wide\u00a0space\u3000", "wide space ")]
    [InlineData("\ue000", "\\u{e000}")]
    [InlineData("\U000E0041", "\\u{e0041}")]
    public void What_is_no_visible_character_is_shown_as_its_code(string? text, string expected) =>
        Assert.Equal(expected, SafeText.Of(text));

    [Fact]
    public void Half_a_surrogate_pair_is_shown_as_its_code()
    {
        Assert.Equal("\\u{d800}x", SafeText.Of("\ud800x"));
        Assert.Equal("\\u{dc00}", SafeText.Of("\udc00"));
    }

    [Fact]
    public void Text_is_cut_between_characters_never_inside_one()
    {
        Assert.Equal("😀😀…", SafeText.Of("😀😀😀", 2));
        Assert.Equal("ab", SafeText.Of("ab", 2));
    }

    [Fact]
    public void No_input_brings_a_control_or_a_format_character_to_the_screen() =>
        Gen.OneOf(Gen.Char, Gen.Char['\0', '\u00a0'], Gen.Char['\u2000', '\u206f'], Gen.Char['\ud800', '\udfff'])
            .Array[0, 40].Select(chars => new string(chars)).Sample(text =>
            {
                foreach (var rune in SafeText.Of(text).EnumerateRunes())
                {
                    Assert.DoesNotContain(Rune.GetUnicodeCategory(rune), new[]
                    {
                        UnicodeCategory.Control, UnicodeCategory.Format, UnicodeCategory.LineSeparator,
                        UnicodeCategory.ParagraphSeparator, UnicodeCategory.Surrogate,
                    });
                }
            });

    [Fact]
    public void Arguments_show_where_each_begins_and_ends() =>
        Assert.Equal("sh -c 'id; rm -rf /' '' 'it'\\''s'", SafeText.OfArguments(["sh", "-c", "id; rm -rf /", "", "it's"]));
}
