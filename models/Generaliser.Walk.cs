using System.Runtime.CompilerServices;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Generaliser
{
    const int ArgumentPositions = 8;
    const byte LiteralPorts = 9; // the ninth distinct port makes them "high"
    const int MostWeighed = 32;  // names of one text, from its start, that weigh in their groups
    const ulong Hard = 0x6861_7264, Pooled = 0x706F_6F6C, Root = 0x726F_6F74;
    const ulong Ports = 0x706F_7274, Prefixes = 0x7072_6566, Addresses = 0x6164_6472, Texts = 0x7465_7874, Names = 0x6E, RandomNames = 0x6E78;

    /// <summary>
    /// One way down a text. The hard chain goes by names and hard patterns alone; from the first group that is open on, a
    /// second chain goes below the open pattern, where the names of all that it covers are pooled.
    /// </summary>
    ref partial struct Walk(PatternTrie trie, BehaviourClass behaviourClass, Mode mode)
    {
        [InlineArray(MostWeighed)]
        struct Way
        {
            (ulong Group, ulong Child) _first;
        }

        Way _way;
        int _length;
        int _hardenedAt = -1; // names of the way before the last pattern have a pattern below them
        bool _isNew;
        ulong _hard = KeyHash.Mix((ulong)behaviourClass, Root);
        ulong _view = KeyHash.Mix((ulong)behaviourClass, Root);
        bool _parted;
        int _start, _partedAt;

        public ulong Unit { get; init; }

        public bool Again { get; init; }

        public bool Hardened { get; private set; }

        public Range? Turned { get; private set; }

        public void Run(ReadOnlySpan<byte> text, scoped ref ByteWriter to)
        {
            if (!IsWhole(text))
            {
                to.Add(text);
                return;
            }
            switch (behaviourClass)
            {
                case BehaviourClass.Exec:
                    Arguments(text, ref to);
                    break;
                case BehaviourClass.NetOut:
                    Peer(text, ref to);
                    break;
                case BehaviourClass.Dns:
                    Name(text, 0, ref to);
                    Weigh(_isNew, leaf: true);
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
                    Path(text, at..(end < 0 ? text.Length : end), ref to);
                    if (end >= 0)
                        to.Add(text[end..]);
                    break;
            }
        }

        /// <summary>A name that stands for itself whatever comes.</summary>
        void Into(ReadOnlySpan<byte> name)
        {
            var child = KeyHash.Of(name);
            _isNew = false;
            _hard = KeyHash.Mix(_hard, child);
            _view = _parted ? KeyHash.Mix(_view, child) : _hard;
        }

        /// <summary>A name of a group: counts it when learning; is it written as the group's pattern?</summary>
        bool Step(ulong type, ReadOnlySpan<byte> name, int at, bool pattern, byte most = PatternTrie.MostChildren)
        {
            var child = KeyHash.Of(name);
            var group = KeyHash.Mix(_hard, type);
            var hard = pattern || trie.IsHard(group);
            if (mode == Mode.Learn)
                Count(group, child, (pattern, hard), at, most);
            if (mode == Mode.Identity)
            {
                _hard = hard ? KeyHash.Mix(group, Hard) : KeyHash.Mix(_hard, child);
                return hard;
            }
            var covered = hard || (!_parted && trie.IsCollapsed(group));
            if (_parted)
            {
                var pooled = KeyHash.Mix(_view, type);
                if (mode == Mode.Learn && (hard ? trie.Harden(pooled) : trie.Count(pooled, child, Unit, Again, most).Turned))
                    Turn(_partedAt);
                covered = hard || trie.IsCollapsed(pooled);
                _view = covered ? KeyHash.Mix(pooled, Pooled) : KeyHash.Mix(_view, child);
            }
            else if (covered && !hard)
                (_parted, _partedAt, _view) = (true, at, KeyHash.Mix(group, Pooled));
            _hard = hard ? KeyHash.Mix(group, Hard) : KeyHash.Mix(_hard, child);
            if (!_parted)
                _view = _hard;
            return covered;
        }

        void Count(ulong group, ulong child, (bool Pattern, bool Hard) name, int at, byte most)
        {
            if (name.Hard)
            {
                if (name.Pattern)
                    Hardened |= trie.Harden(group);
                _hardenedAt = _length;
                _isNew = false;
                return;
            }
            var counted = trie.Count(group, child, Unit, Again, most);
            if (counted.Turned && !_parted)
                Turn(at);
            _isNew = counted.IsNew;
            if (_length < MostWeighed)
                _way[_length++] = (group, child);
        }

        void Turn(int at)
        {
            if (Turned is null || at < Turned.Value.End.Value)
                Turned = _start..at;
        }

        /// <summary>A new text weighs in the groups above it, and a pattern as many texts; what has become hard is so from now on.</summary>
        /// <param name="leaf">The last name of the way has nothing below it.</param>
        void Weigh(bool isNew, bool leaf)
        {
            if (mode != Mode.Learn)
                return;
            for (var i = 0; i < _length; i++)
            {
                var (group, child) = _way[i];
                var pattern = leaf ? i < _hardenedAt : _hardenedAt >= 0;
                if (pattern || (isNew && !(leaf && i == _length - 1)))
                    trie.Weigh(group, child, pattern);
                if (trie.IsRipe(group))
                    Hardened |= trie.Harden(group);
            }
        }
    }
}
