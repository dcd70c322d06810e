using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent.Containers;

/// <summary>Which image a container was made of, out of everything a runtime says about it.</summary>
static class ImageFacts
{
    /// <summary>
    /// Sets repository, tag and digest. A runtime may report an image id, or one of several names in any order, so the
    /// choice is by rank and then by ordinal order: first what the user asked for (<paramref name="asked"/>, best
    /// first), then the image's tags, then its digests; with no name at all, the id is the repository.
    /// </summary>
    public static void Set(
        Container facts, IReadOnlyList<string> asked, IEnumerable<string> repoTags, IEnumerable<string> repoDigests)
    {
        var tags = Parsed(repoTags);
        var digests = Parsed(repoDigests);
        var name = First(asked) ?? (tags.Count > 0 ? tags[0] : digests.Count > 0 ? digests[0] : null);
        if (name is not { } image)
        {
            var id = asked.FirstOrDefault(ImageName.IsDigest) ?? "";
            facts.Workload.Image = id.Length > 0 ? id : "unknown";
            facts.Digest = id;
            return;
        }
        facts.Workload.Image = image.Repository;
        facts.Tag = image.Tag.Length > 0 ? image.Tag : tags.Find(t => t.Repository == image.Repository).Tag ?? "";
        if (facts.Tag.Length == 0 && image.Digest.Length == 0)
            facts.Tag = "latest";
        facts.Digest = image.Digest.Length > 0 ? image.Digest
            : digests.Find(d => d.Repository == image.Repository).Digest
              ?? (digests.Count > 0 ? digests[0].Digest : asked.FirstOrDefault(ImageName.IsDigest) ?? "");
    }

    static ImageName? First(IEnumerable<string> texts)
    {
        foreach (var text in texts)
        {
            if (ImageName.TryParse(text, out var name))
                return name;
        }
        return null;
    }

    static List<ImageName> Parsed(IEnumerable<string> texts)
    {
        var names = new List<ImageName>();
        foreach (var text in texts.Take(64).Order(StringComparer.Ordinal))
        {
            if (ImageName.TryParse(text, out var name))
                names.Add(name);
        }
        return names;
    }
}
