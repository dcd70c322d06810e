using CsCheck;
using RuntimeGuard.Agent.Containers;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class ImageNameTests
{
    const string Digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    [Theory]
    [InlineData("nginx", "docker.io/library/nginx", "", "")]
    [InlineData("nginx:1.25", "docker.io/library/nginx", "1.25", "")]
    [InlineData("bitnami/redis:7", "docker.io/bitnami/redis", "7", "")]
    [InlineData("docker.io/nginx", "docker.io/library/nginx", "", "")]
    [InlineData("index.docker.io/library/nginx:a", "docker.io/library/nginx", "a", "")]
    [InlineData("localhost/app:v1", "localhost/app", "v1", "")]
    [InlineData("localhost:5000/app", "localhost:5000/app", "", "")]
    [InlineData("registry:5000/a/b:t", "registry:5000/a/b", "t", "")]
    [InlineData("gcr.io/p/a@" + Digest, "gcr.io/p/a", "", Digest)]
    [InlineData("gcr.io/p/a:v@" + Digest, "gcr.io/p/a", "v", Digest)]
    [InlineData("[::1]:5000/a:b", "[::1]:5000/a", "b", "")]
    public void A_reference_has_one_spelling(string text, string repository, string tag, string digest)
    {
        Assert.True(ImageName.TryParse(text, out var name));
        Assert.Equal(new ImageName(repository, tag, digest), name);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData(Digest)]
    [InlineData("nginx:")]
    [InlineData("nginx@sha256:xyz")]
    [InlineData("Nginx")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("/a")]
    [InlineData("a b")]
    [InlineData("a\u001b[31m")]
    [InlineData("ho st.io/a")]
    public void What_is_no_reference_is_refused(string? text) => Assert.False(ImageName.TryParse(text, out _));

    [Fact]
    public void No_text_breaks_the_parser_and_what_it_reads_it_reads_again()
    {
        var part = Gen.OneOf(Gen.Char[":@/.-_"].Select(c => c.ToString()), Gen.String[Gen.Char["abcA1:/@."], 0, 8], Gen.String[0, 8]);
        part.Array[0, 8].Select(string.Concat).Sample(text =>
        {
            if (!ImageName.TryParse(text, out var name))
                return;
            Assert.True(ImageName.TryParse(name.Repository, out var again), name.Repository);
            Assert.Equal(name.Repository, again.Repository);
        });
    }
}
