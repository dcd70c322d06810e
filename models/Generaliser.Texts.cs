namespace RuntimeGuard.Models;

sealed partial class Generaliser
{
    /// <summary>The texts of each class, name by name.</summary>
    ref partial struct Walk
    {
        void Path(ReadOnlySpan<byte> text, Range range, scoped ref ByteWriter to)
        {
            var path = text[range];
            if (SensitivePaths.IsProtected(path))
            {
                to.Add(path);
                return;
            }
            _start = range.Start.Value;
            for (var at = 1; at <= path.Length;)
            {
                var length = path[at..].IndexOf((byte)'/');
                var leaf = length < 0;
                var name = leaf ? path[at..] : path.Slice(at, length);
                to.Add((byte)'/');
                var shape = NameShape.Of(name);
                if (name.IsEmpty || !SensitivePaths.MayCollapseBelow(path[..(at - 1)]))
                {
                    Into(name);
                    to.Add(name);
                }
                else if (Step(shape.Hash(leaf), name, _start + at, NameShape.IsPattern(name)))
                    shape.WritePattern(ref to);
                else
                    to.Add(name);
                at += name.Length + 1;
                if (leaf)
                    break;
            }
            Weigh(_isNew, leaf: true);
        }

        /// <summary>"path token token": words by position, flags and paths of protected files as they are.</summary>
        void Arguments(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            var space = text.IndexOf((byte)' ');
            to.Add(space < 0 ? text : text[..space]);
            if (space < 0)
                return;
            var node = KeyHash.Of(_hard, text[..space]);
            var rest = text[(space + 1)..];
            for (var position = 0; ; position++)
            {
                var end = rest.IndexOf((byte)' ');
                var token = end < 0 ? rest : rest[..end];
                to.Add((byte)' ');
                var open = position < ArgumentPositions && token.Length > 0 && token[0] is not ((byte)'-' or (byte)'{' or (byte)'[')
                    && !SensitivePaths.IsProtected(token);
                var path = open && (token.Contains((byte)'/') || token.SequenceEqual("*path"u8));
                (_hard, _view) = (node, node); // positions do not depend on each other
                _parted = false;
                if (open && Step((ulong)position << 1 | (path ? 1u : 0u), token, space, token is [(byte)'*', ..]))
                    to.Add(path ? "*path"u8 : "*word"u8);
                else
                    to.Add(token);
                if (end < 0)
                    break;
                rest = rest[(end + 1)..];
            }
            if (mode == Mode.Learn && _length > 0)
                Weigh(trie.Count(KeyHash.Mix(node, Texts), KeyHash.Of(text), Unit, true, 0).IsNew, leaf: false);
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
            var address = text[(space + 1)..colon];
            var port = text[(colon + 1)..];
            to.Add(text[..(space + 1)]);
            Into(text[..(space + 1)]);
            var high = port.SequenceEqual("high"u8);
            if (!high && !PeerPattern.IsMiddlePort(port))
                Into(port);
            else if (Step(Ports, port, space + 1, high, LiteralPorts))
                port = "high"u8;
            if (PeerPattern.IsName(address))
            {
                Name(address, space + 1, ref to);
                to.Add((byte)':');
                to.Add(port);
                Weigh(_isNew, leaf: true);
                return;
            }
            var prefix = PeerPattern.PrefixOf(address);
            var any = address.SequenceEqual("*"u8);
            var covered = Step(Prefixes, prefix, space + 1, any);
            if (any || (covered && mode != Mode.Learn))
                to.Add((byte)'*');
            else if (Step(Addresses, address, space + 1, address.Contains((byte)'*')))
            {
                to.Add(prefix);
                to.Add(prefix.Contains((byte)'[') ? "*]"u8 : "*"u8);
            }
            else
                to.Add(address);
            to.Add((byte)':');
            to.Add(port);
            Weigh(_isNew, leaf: true);
        }

        /// <summary>"a.b.example.com": names of one registrable domain, those that look random apart; domains never.</summary>
        void Name(ReadOnlySpan<byte> name, int at, scoped ref ByteWriter to)
        {
            var below = DomainName.Below(name);
            var domain = DomainName.DomainOf(name);
            var random = DomainName.IsRandom(below);
            if (!below.IsEmpty && Step(KeyHash.Of(random ? RandomNames : Names, domain), below, at, below is [(byte)'*'] or [(byte)'*', (byte)'x']))
            {
                to.Add(random ? "*x."u8 : "*."u8);
                to.Add(domain);
            }
            else
                to.Add(name);
        }
    }
}
