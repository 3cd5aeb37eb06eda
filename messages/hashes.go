package messages

import (
	"encoding/binary"
	"encoding/hex"
)

// crc16Table holds the remainders of one byte for the polynomial 0x1021.
var crc16Table = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()

// CRC16 returns CRC-16/XMODEM: polynomial 0x1021, initial value 0, nothing reflected. Partition indexes are made of it.
func CRC16(data []byte) uint16 {
	crc := uint16(0)
	for _, b := range data {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^b]
	}
	return crc
}

// crc16Text is CRC16 of the bytes of s, without copying them.
func crc16Text(s string) uint16 {
	crc := uint16(0)
	for i := range len(s) {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^s[i]]
	}
	return crc
}

// FNV1a returns the 64-bit FNV-1a hash.
func FNV1a(data []byte) uint64 {
	hash := uint64(0xcbf29ce484222325)
	for _, b := range data {
		hash ^= uint64(b)
		hash *= 0x100000001b3
	}
	return hash
}

// Fnv1aXor8Hex folds the hash into eight hexadecimal digits: the digest of a capability list in log lines and grants.
func Fnv1aXor8Hex(data []byte) string {
	hash := FNV1a(data)
	folded := uint32(hash) ^ uint32(hash>>32) //nolint:gosec // The halves are what is wanted.
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, folded))
}

// Fnv1aU16Mod returns the low 16 bits of the hash modulo m, 0 when m is 0. It spreads the start of a scan over workers.
func Fnv1aU16Mod(data []byte, m uint16) uint16 {
	if m == 0 {
		return 0
	}
	return uint16(FNV1a(data)) % m //nolint:gosec // The low bits are what is wanted.
}
