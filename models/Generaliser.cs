using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>
/// Maps the canonical text of an object to the pattern that covers it, by one workload's trie. Patterns map to themselves,
/// so texts that come back from disk or from other nodes go the same way as fresh ones.
/// </summary>
sealed class Generaliser
{
    const int ArgumentPositions = 8;
    const int LiteralPorts = 9; // the ninth distinct port makes them "high"

    const int MostMounts = 64;

    readonly PatternTrie _trie = new();
    readonly List<byte[]> _secretMounts = []; // canonical, of every container seen

    long _mountsRefused;

    public long Refused => _trie.Refused + _mountsRefused;

    public int Children => _trie.Children;

    public void Clear() => _trie.Clear();

    /// <summary>Names below this directory are never covered by a pattern from now on.</summary>
    public void Protect(ReadOnlySpan<byte> secretMount)
    {
        var canonical = new ByteWriter(new byte[2 * PathPattern.LongestPath]);
        PathPattern.Canonicalise(secretMount, ref canonical);
        foreach (var known in _secretMounts)
            if (canonical.Written.SequenceEqual(known))
                return;
        if (_secretMounts.Count < MostMounts)
            _secretMounts.Add(canonical.Written.ToArray());
        else
            _mountsRefused++;
    }

    public void Generalise(BehaviourClass behaviourClass, ReadOnlySpan<byte> text, scoped ref ByteWriter to)
    {
        var walk = new Walk(this, behaviourClass, 0, false);
        walk.Run(text, ref to);
    }

    /// <summary>
    /// Counts the text's names in a unit. When a group collapsed, so that texts may now map elsewhere, the length of what
    /// those texts have in common, in <paramref name="scratch"/>; else -1.
    /// </summary>
    public int Learn(BehaviourClass behaviourClass, ReadOnlySpan<byte> text, ulong unit, scoped ref ByteWriter scratch)
    {
        var walk = new Walk(this, behaviourClass, unit, true);
        walk.Run(text, ref scratch);
        return walk.CollapsedAt;
    }

    ref struct Walk(Generaliser names, BehaviourClass behaviourClass, ulong unit, bool learning)
    {
        readonly ulong _root = KeyHash.Mix((ulong)behaviourClass, 0x726F6F74);

        public int CollapsedAt { get; private set; } = -1;

        public void Run(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            switch (behaviourClass)
            {
                case BehaviourClass.Exec:
                    Arguments(text, ref to);
                    break;
                case BehaviourClass.NetOut:
                    Peer(text, ref to);
                    break;
                case BehaviourClass.Dns:
                    Name(text, _root, ref to);
                    break;
                case BehaviourClass.NetIn:
                    to.Add(text);
                    break;
                default:
                    var at = text.IndexOf((byte)'/');
                    var end = text.IndexOf(" -> "u8);
                    if (at < 0 || end >= 0 && end < at)
                    {
                        to.Add(text);
                        break;
                    }
                    to.Add(text[..at]);
                    Path(end < 0 ? text[at..] : text[at..end], ref to);
                    if (end >= 0)
                        to.Add(text[end..]);
                    break;
            }
        }

        void Path(ReadOnlySpan<byte> path, scoped ref ByteWriter to)
        {
            if (IsProtected(path))
            {
                to.Add(path);
                return;
            }
            var start = to.Length;
            var node = _root;
            var rest = path[1..];
            while (true)
            {
                var end = rest.IndexOf((byte)'/');
                var name = end < 0 ? rest : rest[..end];
                var mayCollapse = SensitivePaths.MayCollapseBelow(to.Written[start..]) && !HoldsSecretMount(to.Written[start..]);
                to.Add((byte)'/');
                var shape = NameShape.Of(name);
                var group = KeyHash.Mix(node, shape.Hash(end < 0));
                if (mayCollapse && name.Length > 0 && Child(group, name, to.Length, NameShape.IsPattern(name)))
                {
                    shape.WritePattern(ref to);
                    node = group;
                }
                else
                {
                    to.Add(name);
                    node = KeyHash.Of(node, name);
                }
                if (end < 0)
                    return;
                rest = rest[(end + 1)..];
            }
        }

        readonly bool IsProtected(ReadOnlySpan<byte> path)
        {
            foreach (var mount in names._secretMounts)
                if (SensitivePaths.Under(path, mount))
                    return true;
            return SensitivePaths.IsProtected(path);
        }

        readonly bool HoldsSecretMount(ReadOnlySpan<byte> directory)
        {
            foreach (var mount in names._secretMounts)
                if (SensitivePaths.Under(mount, directory))
                    return true;
            return false;
        }

        /// <summary>"path token token": words by position, flags and paths of protected files as they are.</summary>
        void Arguments(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            var space = text.IndexOf((byte)' ');
            to.Add(space < 0 ? text : text[..space]);
            if (space < 0)
                return;
            var node = KeyHash.Of(_root, text[..space]);
            var rest = text[(space + 1)..];
            for (var position = 0; ; position++)
            {
                var end = rest.IndexOf((byte)' ');
                var token = end < 0 ? rest : rest[..end];
                to.Add((byte)' ');
                var open = position < ArgumentPositions && token.Length > 0 && token[0] is not ((byte)'-' or (byte)'{' or (byte)'[')
                    && !IsProtected(token);
                var path = open && token.Contains((byte)'/');
                if (open && Child(KeyHash.Mix(node, (ulong)position << 1 | (path ? 1u : 0u)), token, to.Length, token is [(byte)'*', ..]))
                    to.Add(path ? "*path"u8 : "*word"u8);
                else
                    to.Add(token);
                if (end < 0)
                    return;
                rest = rest[(end + 1)..];
            }
        }

        /// <summary>"tcp public 203.0.113.7:443": ports, addresses of a prefix, prefixes of a scope.</summary>
        void Peer(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            var colon = text.LastIndexOf((byte)':');
            var space = colon < 0 ? -1 : text[..colon].LastIndexOf((byte)' ');
            if (space < 0 || text.StartsWith("unix"u8) || text[..space].EndsWith("metadata"u8))
            {
                to.Add(text);
                return;
            }
            var scope = text[..(space + 1)];
            var address = text[(space + 1)..colon];
            var port = text[(colon + 1)..];
            to.Add(scope);
            var node = KeyHash.Of(_root, scope);
            var pattern = port.SequenceEqual("high"u8);
            if ((pattern || PeerPattern.IsMiddlePort(port)) && Child(KeyHash.Mix(node, 0x706F7274), port, to.Length, pattern, LiteralPorts))
                port = "high"u8;
            node = KeyHash.Of(node, port);
            if (PeerPattern.IsName(address))
            {
                Name(address, node, ref to);
                to.Add((byte)':');
                to.Add(port);
                return;
            }
            var prefix = PeerPattern.PrefixOf(address);
            if (Child(node, prefix, to.Length, address.SequenceEqual("*"u8)))
                to.Add((byte)'*');
            else if (Child(KeyHash.Of(node, prefix), address, to.Length, address.Contains((byte)'*')))
            {
                to.Add(prefix);
                to.Add(prefix.Contains((byte)'[') ? "*]"u8 : "*"u8);
            }
            else
                to.Add(address);
            to.Add((byte)':');
            to.Add(port);
        }

        /// <summary>"a.b.example.com": names of one registrable domain, those that look random apart; domains never.</summary>
        void Name(ReadOnlySpan<byte> name, ulong node, scoped ref ByteWriter to)
        {
            var below = DomainName.Below(name);
            var domain = DomainName.DomainOf(name);
            var random = DomainName.IsRandom(below);
            if (!below.IsEmpty && Child(KeyHash.Of(KeyHash.Mix(node, random ? 0x6E78ul : 0x6Eul), domain), below, to.Length,
                below is [(byte)'*'] or [(byte)'*', (byte)'x']))
            {
                to.Add(random ? "*x."u8 : "*."u8);
                to.Add(domain);
            }
            else
                to.Add(name);
        }

        /// <summary>Is the group collapsed, after this child was counted or a pattern said so?</summary>
        bool Child(ulong group, ReadOnlySpan<byte> name, int at, bool pattern, int most = PatternTrie.MostChildren)
        {
            if (learning)
            {
                if (pattern)
                    names._trie.Collapse(group);
                else if (names._trie.Learn(group, KeyHash.Of(name), unit, most) && CollapsedAt < 0)
                    CollapsedAt = at;
            }
            return names._trie.IsCollapsed(group);
        }
    }
}
